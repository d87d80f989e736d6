"""What is learned of a network by dissecting it more than once."""
