"""What a sweep is: its specification, the parameters of a point, the plan of all points."""
