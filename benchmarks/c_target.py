"""The C target: a descent step and a Levenberg-Marquardt step of 2-2-3-2, and the room that it takes.

Times are CPU times taken inside C, of loops of many steps. Beside the emitted descent step runs one that a
person would write, with the loops of 2-2-3-2 by hand, compiled with the same flags; both must end at the same
parameters. Sizes are those of the object file for this machine with -Os, and of the structures that a caller
provides.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from derive import Architecture, generate

SAMPLES = 10
TIMER = r"""
#define _POSIX_C_SOURCE 199309L
#include "NAME.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
typedef NAME_real real;
static real p[NAME_S], q[NAME_S], X[20] = {XS}, Y[20] = {YS};
static NAME_workspace work;
static NAME_lm_workspace lm;
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}
static real squash(real z) { return 1/(1 + exp(-z)); }
static void by_hand(real *w, const real *x, const real *y, real eta) {
    real *W2 = w, *b2 = w + 4, *W3 = w + 6, *b3 = w + 12, *W4 = w + 15, *b4 = w + 21;
    real a2[2], a3[3], a4[2], d2[2], d3[3], d4[2];
    for (int j = 0; j < 2; j++) a2[j] = squash(W2[2*j]*x[0] + W2[2*j + 1]*x[1] + b2[j]);
    for (int j = 0; j < 3; j++) a3[j] = squash(W3[2*j]*a2[0] + W3[2*j + 1]*a2[1] + b3[j]);
    for (int j = 0; j < 2; j++) a4[j] = squash(W4[3*j]*a3[0] + W4[3*j + 1]*a3[1] + W4[3*j + 2]*a3[2] + b4[j]);
    for (int j = 0; j < 2; j++) d4[j] = a4[j]*(1 - a4[j])*(a4[j] - y[j]);
    for (int j = 0; j < 3; j++) d3[j] = a3[j]*(1 - a3[j])*(W4[j]*d4[0] + W4[3 + j]*d4[1]);
    for (int j = 0; j < 2; j++) d2[j] = a2[j]*(1 - a2[j])*(W3[j]*d3[0] + W3[2 + j]*d3[1] + W3[4 + j]*d3[2]);
    for (int j = 0; j < 2; j++) {
        b2[j] -= eta*d2[j];
        for (int k = 0; k < 2; k++) W2[2*j + k] -= eta*d2[j]*x[k];
    }
    for (int j = 0; j < 3; j++) {
        b3[j] -= eta*d3[j];
        for (int k = 0; k < 2; k++) W3[2*j + k] -= eta*d3[j]*a2[k];
    }
    for (int j = 0; j < 2; j++) {
        b4[j] -= eta*d4[j];
        for (int k = 0; k < 3; k++) W4[3*j + k] -= eta*d4[j]*a3[k];
    }
}
static int ascending(const void *u, const void *v) {
    const double a = *(const double *)u, b = *(const double *)v;
    return (a > b) - (a < b);
}
static void start(real *w) { for (int k = 0; k < NAME_S; k++) w[k] = (real)(sin(1.0 + 7.0*k)); }
int main(void) {
    enum { REPEATS = 9, STEPS = 200000, LM = 20000 };
    double emitted[REPEATS], plain[REPEATS], step[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
        uint32_t seed = 1;
        start(p);
        double t = now();
        NAME_sgd(&work, p, X, Y, 10, (real)0.05, STEPS, NULL, &seed, 0, NULL);
        emitted[r] = (now() - t)/STEPS;
        start(q);
        seed = 1;
        t = now();
        for (int k = 0; k < STEPS; k++) {
            seed ^= seed << 13; seed ^= seed >> 17; seed ^= seed << 5;
            by_hand(q, X + 2*(seed % 10), Y + 2*(seed % 10), (real)0.05);
        }
        plain[r] = (now() - t)/STEPS;
        double worst = 0;
        for (int k = 0; k < NAME_S; k++) worst = fmax(worst, fabs((double)(p[k] - q[k])));
        if (!(worst < LIMIT)) { printf("apart by %g\n", worst); return 1; }
        start(p);
        t = now();
        for (int k = 0; k < LM; k++) if (!NAME_lm_step(&lm, p, X, Y, 10, (real)0.1)) return 1;
        step[r] = (now() - t)/LM;
    }
    qsort(emitted, REPEATS, sizeof(double), ascending);
    qsort(plain, REPEATS, sizeof(double), ascending);
    qsort(step, REPEATS, sizeof(double), ascending);
    printf("%.4f %.4f %.3f\n", 1e6*emitted[REPEATS/2], 1e6*plain[REPEATS/2], 1e6*step[REPEATS/2]);
    return 0;
}
"""
SIZES = r"""
#include "NAME.h"
#include <stdio.h>
int main(void) {
    printf("%zu %zu %zu\n", sizeof(NAME_activations), sizeof(NAME_workspace), sizeof(NAME_lm_workspace));
    return 0;
}
"""
X = "0.1,0.1,0.3,0.4,0.1,0.5,0.6,0.9,0.4,0.2,0.6,0.3,0.5,0.6,0.9,0.2,0.4,0.4,0.7,0.6"
Y = ",".join(["1,0"] * 5 + ["0,1"] * 5)


def emit(text: str, folder: Path) -> tuple[str, int]:
    package = generate(Architecture.parse(text), (), "c")
    for name, content in package.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    shape = package.proof.architecture
    return shape.package_name, shape.n_parameters


def run(compiler: str, folder: Path, source: str, name: str, *flags: str) -> str:
    (folder / "bench.c").write_text(source, encoding="utf-8")
    command = [compiler, "-std=c99", *flags, f"{name}.c", "bench.c", "-lm", "-o", "bench"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([folder / "bench"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the two programs disagree: {done.stdout}")
    return done.stdout.strip()


def text_size(compiler: str, folder: Path, name: str, *flags: str) -> int:
    subprocess.run(
        [compiler, "-std=c99", "-Os", "-c", *flags, f"{name}.c", "-o", "one.o"], cwd=folder, check=True
    )
    listed = subprocess.run(
        ["size", "-A", "one.o"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^\.(?:text\S*|rodata\S*)\s+(\d+)", listed, flags=re.MULTILINE)
    return sum(map(int, found))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--flags", default="-O3", help="flags of the timed programs (default -O3)")
    options = parser.parse_args()
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        print("skipped: no C compiler; install gcc or clang, or name one in CC")
        return
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        name, count = emit("2-2-3-2", folder)
        timer = TIMER.replace("NAME_S", str(count)).replace("NAME", name).replace("{XS}", f"{{{X}}}")
        timer = timer.replace("{YS}", f"{{{Y}}}")
        print(f"2-2-3-2, {options.flags}, us:          descent step   by hand   LM step, {SAMPLES} samples")
        for kind, flags, limit in (("double", (), "1e-9"), ("float", (f"-D{name.upper()}_FLOAT",), "1e30")):
            line = run(compiler, folder, timer.replace("LIMIT", limit), name, *options.flags.split(), *flags)
            emitted, plain, step = map(float, line.split())
            print(f"  {kind:8s} {emitted:31.3f} {plain:9.3f} {step:12.2f}")
        print("bytes with -Os: code (all functions), activations, workspace, LM workspace; p")
        for shape in ("2-2-3-2", "8-32-32-1"):
            name, count = emit(shape, folder)
            for kind, flags in (("double", ()), ("float", (f"-D{name.upper()}_FLOAT",))):
                size = text_size(compiler, folder, name, *flags)
                kept = run(compiler, folder, SIZES.replace("NAME", name), name, *flags)
                width = 8 if kind == "double" else 4
                print(f"  {shape:10s} {kind:6s} {size:6d}  {'  '.join(kept.split())}; {width * count}")


if __name__ == "__main__":
    main()
