"""What is wrong or odd about a data set: pure functions from what was read to findings."""
