"""Logs probvae runs to MLflow, where the environment variable MLFLOW_TRACKING_URI says so."""
