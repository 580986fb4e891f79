# 'skelact serve' in a container, with what it needs and nothing else. TORCH_ARGS are the arguments that pytorch.org
# gives pip for its CPU build, without which the image holds the one for NVIDIA GPUs, which is far larger:
#
#   docker build --build-arg TORCH_ARGS="..." --tag skelact .
#   docker run --rm --read-only --tmpfs /tmp --publish 8000:8000 --env SKELACT_TOKEN \
#     --volume "$PWD/my-model:/model:ro" skelact
FROM python:3.11-slim AS build
ARG TORCH_ARGS=""
COPY constraints.txt /src/
RUN python -m venv /opt/skelact
RUN /opt/skelact/bin/pip install --no-cache-dir --constraint /src/constraints.txt ${TORCH_ARGS} torch==2.13.0
RUN /opt/skelact/bin/pip install --no-cache-dir --constraint /src/constraints.txt \
    numpy einops docstring-parser pyyaml msgspec safetensors rich numba fastapi uvicorn websockets prometheus-client
COPY pyproject.toml README.md LICENSE /src/
COPY src /src/src
RUN /opt/skelact/bin/pip install --no-cache-dir --no-deps /src \
    && /opt/skelact/bin/pip uninstall --yes pip \
    && cd /opt/skelact/lib/python3.11/site-packages \
    && rm -rf torch/include torch/share torch/bin \
    && find . -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.11-slim
COPY --from=build /opt/skelact /opt/skelact
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin skelact
USER 10001
ENV PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["/opt/skelact/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=5)"]
ENTRYPOINT ["/opt/skelact/bin/skelact", "serve"]
CMD ["/model", "--host", "0.0.0.0"]
