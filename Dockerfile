# Airflow with Driftline. Also runs the demo's feed, serving application and traffic.
FROM apache/airflow:3.3.2-python3.12

USER root
RUN install -d -o airflow -g root /opt/driftline /opt/driftline-state
USER airflow

# The pins of this repository, and Celery for the profile of that name, held to the same Airflow.
COPY --chown=airflow:root requirements.txt /opt/driftline/requirements.txt
RUN pip install --no-cache-dir --requirement /opt/driftline/requirements.txt \
    && pip install --no-cache-dir --constraint /opt/driftline/requirements.txt \
        "apache-airflow==3.3.2" apache-airflow-providers-celery

COPY --chown=airflow:root pyproject.toml README.md LICENSE /opt/driftline/
COPY --chown=airflow:root plugins /opt/driftline/plugins
COPY --chown=airflow:root dags /opt/driftline/dags
COPY --chown=airflow:root include /opt/driftline/include
RUN pip install --no-cache-dir --no-deps --editable /opt/driftline

WORKDIR /opt/driftline
ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/driftline/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/driftline/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    DRIFTLINE_MODELS=/opt/driftline/include/models \
    PYTHONPATH=/opt/driftline:/opt/driftline/plugins
