"""The page of `detect explain`: images followed through the stages of an R-CNN, in one file."""
