"""What a training is told besides its log and its ladder: a configuration, how one is found."""
