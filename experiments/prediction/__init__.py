"""What sounds in a user's own film: sources, the network over them, and what is written."""
