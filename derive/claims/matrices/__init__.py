"""Claims about matrices that do not commute: Woodbury, push-through, the Levenberg-Marquardt step."""
