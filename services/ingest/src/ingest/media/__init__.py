"""What a file is: its pictures, their times and order, and whether it is all there."""
