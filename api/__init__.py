"""The engine and its doors. Importing it first gives every matrix product one thread, unless the environment says
otherwise: requests are the parallelism here, and on few cores the threads of BLAS spin for each other."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
