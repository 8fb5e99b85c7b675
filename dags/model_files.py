"""No DAG: fails in Airflow's import errors where a model file is not valid, while the other models' DAGs go on."""

from driftline.dagkit.model_files import require_valid_model_files

require_valid_model_files()
