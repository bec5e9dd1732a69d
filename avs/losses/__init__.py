"""What training minimises: losses of a mask, of a set of queries, and the objective that adds them up."""
