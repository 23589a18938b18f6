"""`rung doctor`: what is right and wrong with a deployment, and what to do. It changes nothing."""

from serving.doctor.examination import examine
from serving.doctor.finding import Finding

__all__ = ["Finding", "examine"]
