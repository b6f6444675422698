"""The input `cross`: a value for each pair of the ids of other inputs."""
