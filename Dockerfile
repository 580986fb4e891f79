# 'skelact serve' in a container, with what it needs and nothing else. TORCH_ARGS are the arguments that pytorch.org
# gives pip for its CPU build, without which the image holds the one for NVIDIA GPUs, which is far larger:
#
#   docker build --build-arg TORCH_ARGS="..." --tag skelact .
#   docker run --rm --read-only --tmpfs /tmp --publish 8000:8000 --env SKELACT_TOKEN \
#     --volume "$PWD/my-model:/model:ro" skelact
#
# An image a fifth as large serves what 'skelact export' wrote:
#
#   docker build --build-arg RUNTIME=onnxruntime --build-arg BESIDE="" --tag skelact-onnx .
#   docker run --rm --read-only --tmpfs /tmp --publish 8000:8000 --env SKELACT_TOKEN \
#     --volume "$PWD/my-model.onnx:/model.onnx:ro" skelact-onnx /model.onnx --host 0.0.0.0
FROM python:3.11-slim AS build
ARG TORCH_ARGS=""
ARG RUNTIME="torch==2.13.0"
ARG BESIDE="einops safetensors numba"
COPY constraints.txt /src/
RUN python -m venv /opt/skelact
RUN /opt/skelact/bin/pip install --no-cache-dir --constraint /src/constraints.txt ${TORCH_ARGS} ${RUNTIME}
RUN /opt/skelact/bin/pip install --no-cache-dir --constraint /src/constraints.txt \
    numpy docstring-parser pyyaml msgspec rich fastapi uvicorn websockets prometheus-client ${BESIDE}
COPY pyproject.toml README.md LICENSE /src/
COPY src /src/src
WORKDIR /opt/skelact/lib/python3.11/site-packages
RUN /opt/skelact/bin/pip install --no-cache-dir --no-deps /src \
    && /opt/skelact/bin/pip uninstall --yes pip \
    && rm -rf torch/include torch/share torch/test \
    && find . -path './torch/bin/*' ! -name torch_shm_manager -delete \
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
