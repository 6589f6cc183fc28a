#!/bin/sh
# Makes an environment with PyTorch (CPU) and Pythae for the contestants that need them, apart from that of probvae.
#
#     sh benchmarks/contestants/install.sh .venv-peers
#     python -m benchmarks training --peers .venv-peers/bin/python
set -e
folder=${1:?"usage: install.sh FOLDER"}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet "torch==2.13.0" "numpy<2.4" pydantic scipy scikit-learn tqdm imageio cloudpickle dill
"$folder/bin/pip" install --quiet --no-deps "pythae==0.1.2"  # its own list of dependencies asks for trackers too
