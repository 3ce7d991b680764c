"""Safety: the crisis check on two halves of a phrase set, and attempts at steering the program."""
