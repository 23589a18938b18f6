"""What goes into MLflow beside a bundle, and where that MLflow is; none of it imports MLflow."""
