"""What only this project's keepers run: the golden file, and what else checks the house from outside."""
