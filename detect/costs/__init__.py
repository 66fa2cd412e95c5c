"""What the stages of the chain will cost, from timings of a little of each."""
