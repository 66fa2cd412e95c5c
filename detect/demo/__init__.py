"""A demonstration that needs nothing but this program: scenes composed by cut-and-paste."""
