"""What operators can measure: numbers of this process, and how they leave it."""
