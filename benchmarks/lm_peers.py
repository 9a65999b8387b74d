"""Levenberg-Marquardt steps by other libraries: each function returns one that takes the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contest import Contender
from networks import Task

MU = 1.0  # what optimistix begins with
LOOP = 200  # steps of a call where they are taken in a loop
SMALL = 1e5  # entries of J up to which what a call costs is worth sparing

Step = Callable[[], Any]  # returns p + h


def small(task: Task) -> None:
    """Refuse a loop of many large steps.

    Raises:
        NotImplementedError: if it would take long and say nothing new.
    """
    if task.Y.size * task.p.size > SMALL:
        raise NotImplementedError("beside a step of this size a call costs nothing")


def with_jax(task: Task) -> Step:
    """jax: rows of J by jacrev under vmap, then the smaller of both systems; compiled."""
    jax, jnp, step = _jax_step(task)
    compiled, given = jax.jit(step), tuple(map(jnp.asarray, (task.p, task.X, task.Y)))
    return lambda: jax.block_until_ready(compiled(*given))[0]


def with_jax_loop(task: Task) -> Contender:
    """The same in a compiled loop."""
    small(task)
    jax, jnp, step = _jax_step(task)
    p, X, Y = map(jnp.asarray, (task.p, task.X, task.Y))
    compiled = jax.jit(lambda n: jax.lax.fori_loop(0, n, lambda _, at: step(at[0], X, Y), (p, 0.0)))
    return _looped(lambda steps: jax.block_until_ready(compiled(steps))[0])


def _jax_step(task: Task) -> tuple[Any, Any, Callable[..., Any]]:
    jax, jnp, residual, outputs = _jax(task)

    def step(p: Any, X: Any, Y: Any) -> Any:
        J = jax.vmap(jax.jacrev(outputs), (None, 0))(p, X).reshape(-1, p.size)
        r = residual(p, X, Y).ravel()
        if task.primal:
            h = jax.scipy.linalg.solve(J.T @ J + MU * jnp.eye(p.size), J.T @ r, assume_a="pos")
        else:
            h = J.T @ jax.scipy.linalg.solve(J @ J.T + MU * jnp.eye(r.size), r, assume_a="pos")
        return p + h, jnp.sum(residual(p + h, X, Y) ** 2)

    return jax, jnp, step


def with_optimistix(task: Task) -> Step:
    """optimistix: LevenbergMarquardt, by QR, or CG where there are many parameters and few residuals."""
    jax, jnp, begin, step, cost = _optimistix(task)
    p = jnp.asarray(task.p)

    def first() -> Any:
        state = step(p, begin(p))[1]
        return state.y_eval, cost(state.y_eval)

    compiled = jax.jit(first)
    return lambda: jax.block_until_ready(compiled())[0]


def with_optimistix_loop(task: Task) -> Contender:
    """The same in a compiled loop; mu changes as the library's rule has it."""
    small(task)
    import equinox

    jax, jnp, begin, step, _ = _optimistix(task)
    p = jnp.asarray(task.p)

    def many(steps: Any) -> Any:
        kept, static = equinox.partition(begin(p), equinox.is_array)

        def once(_: Any, at: Any) -> Any:
            moved, state = step(at[0], equinox.combine(at[1], static))
            return moved, equinox.filter(state, equinox.is_array)

        return equinox.combine(jax.lax.fori_loop(0, steps, once, (p, kept))[1], static).y_eval

    compiled = jax.jit(many)
    return _looped(lambda steps: jax.block_until_ready(compiled(steps)))


def _optimistix(task: Task) -> tuple[Any, ...]:
    import lineax
    import optimistix

    jax, jnp, residual, _ = _jax(task)
    X, Y = jnp.asarray(task.X), jnp.asarray(task.Y)
    direct = task.primal or task.p.size < 1000
    cg = lineax.Normal(lineax.CG(rtol=1e-5, atol=1e-10, max_steps=2000))
    solver = optimistix.LevenbergMarquardt(1e-8, 1e-8, linear_solver=lineax.QR() if direct else cg)

    def negative(q: Any, args: Any) -> Any:
        return -residual(q, X, Y), None

    def begin(p: Any) -> Any:
        shape = jax.ShapeDtypeStruct(Y.shape, Y.dtype)
        return solver.init(negative, p, None, {}, shape, None, frozenset())

    def step(p: Any, state: Any) -> Any:
        return solver.step(negative, p, None, {}, state, frozenset())[:2]

    return jax, jnp, begin, step, lambda p: jnp.sum(residual(p, X, Y) ** 2)


def _looped(run: Callable[[int], Any]) -> Contender:
    return Contender(lambda: run(LOOP), LOOP, lambda: run(1))


def with_nlls_gram(task: Task) -> Step:
    """nlls-gram: LevenbergMarquardt, the dense factor of the smaller of both systems."""
    import nlls_gram

    jax, jnp, residual, _ = _jax(task)
    p, X, Y = map(jnp.asarray, (task.p, task.X, task.Y))
    solver = nlls_gram.LevenbergMarquardt(
        lambda q, samples: -residual(q, *samples).ravel(), init_damping=MU, geodesic_acceleration=False
    )
    compiled = jax.jit(lambda q, samples: solver.update(q, solver.init(q, samples), samples)[0])
    return lambda: jax.block_until_ready(compiled(p, (X, Y)))


def _jax(task: Task) -> tuple[Any, ...]:
    """Return jax, jax.numpy, the residual of all samples and the outputs of one."""
    import jax

    jax.config.update("jax_enable_x64", True)
    known = {"sigmoid": jax.nn.sigmoid, "tanh": jax.numpy.tanh, "linear": lambda z: z}
    shapes, kinds = [W.shape for W, _ in task.layers], [known[name] for name in task.activations]

    def outputs(p: Any, x: Any) -> Any:
        begin = 0
        for (here, before), activate in zip(shapes, kinds, strict=True):
            middle, end = begin + here * before, begin + here * (before + 1)
            x = activate(x @ p[begin:middle].reshape(here, before).T + p[middle:end])
            begin = end
        return x

    return jax, jax.numpy, lambda p, X, Y: Y - outputs(p, X), outputs


def _module(task: Task) -> tuple[Any, Any, Any, Any]:
    """Return torch, the network as a module of layers with the parameters of the task, and its samples."""
    import torch

    torch.set_default_dtype(torch.float64)
    known = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}
    layers: list[Any] = []
    for (W, b), name in zip(task.layers, task.activations, strict=True):
        layer = torch.nn.Linear(W.shape[1], W.shape[0])
        layer.weight.data[:], layer.bias.data[:] = torch.from_numpy(W), torch.from_numpy(b)
        layers += [layer] if name == "linear" else [layer, known[name]()]
    return torch, torch.nn.Sequential(*layers), torch.from_numpy(task.X), torch.from_numpy(task.Y)


def with_torch(task: Task) -> Step:
    """torch: rows of J by torch.func.jacrev under vmap, then the smaller of both systems by Cholesky."""
    torch, module, X, Y = _module(task)
    parameters = {name: value.detach() for name, value in module.named_parameters()}
    p = torch.cat([value.flatten() for value in parameters.values()])

    def outputs(given: Any, x: Any) -> Any:
        return torch.func.functional_call(module, given, (x,))

    rows = torch.func.vmap(torch.func.jacrev(outputs), (None, 0))

    @torch.no_grad()
    def step() -> Any:
        blocks = rows(parameters, X)
        J = torch.cat([block.flatten(2) for block in blocks.values()], 2).flatten(0, 1)
        r = (Y - module(X)).reshape(-1, 1)
        system, right = (J.T @ J, J.T @ r) if task.primal else (J @ J.T, r)
        system.diagonal().add_(MU)
        h = torch.cholesky_solve(right, torch.linalg.cholesky(system))
        moved = p + (h if task.primal else J.T @ h).flatten()
        parts = moved.split([value.numel() for value in parameters.values()])
        there = {k: part.view_as(v) for (k, v), part in zip(parameters.items(), parts, strict=True)}
        torch.sum((Y - outputs(there, X)) ** 2)
        return moved.numpy()

    return step


def with_torch_lm(task: Task) -> Step:
    """torch-levenberg-marquardt: training_step with Cholesky; it divides J^T J by the number of samples."""
    import torch_levenberg_marquardt as lm

    torch, module, X, Y = _module(task)
    training = lm.training.LevenbergMarquardtModule(module, attempts_per_step=1, solve_method="cholesky")
    start = training.flat_params.clone()

    def step() -> Any:
        training.flat_params.copy_(start)
        training.backup_parameters()
        training.damping_strategy.damping_factor = torch.tensor(MU / len(X))
        training.training_step(X, Y)
        return training.flat_params.numpy()

    return step


def with_lsmr(task: Task) -> Step:
    """SciPy: lsmr with J as a LinearOperator, its products by the package's own passes (--with products)."""
    import numpy as np
    from scipy.sparse.linalg import LinearOperator, lsmr

    net, p, X, Y, _ = task
    along, back = net.JacobianProductWorkspace(len(X)), net.TransposedProductWorkspace(len(X))
    J = LinearOperator(
        (Y.size, p.size),
        matvec=lambda v: along.product(p, X, np.ascontiguousarray(v).ravel()).ravel().copy(),
        rmatvec=lambda u: back.product(p, X, np.ascontiguousarray(u).reshape(Y.shape)).copy(),
        dtype=float,
    )
    forward = net.ForwardWorkspace(len(X))

    def step() -> Any:
        r = net.residual(p, X, Y)
        moved = p + lsmr(J, r, damp=MU**0.5, atol=1e-7, btol=1e-7, maxiter=2000)[0]
        forward.cost(moved, X, Y)
        return moved

    return step


def with_scipy_lm(task: Task) -> Step:
    """SciPy: least_squares(method="lm"), stopped after the first step that it accepts; it chooses mu."""
    run = _scipy(task)
    needed: list[int] = []

    def accepted() -> Any:
        if not needed:
            needed.append(next((trials for trials in range(1, 20) if (run(trials).x != task.p).any()), 20))
        return run(needed[0]).x

    return accepted


def with_scipy_run(task: Task) -> Contender:
    """The same for many trials, by the Jacobian; rejected trials, which cost a residual, are not counted."""
    small(task)
    run, taken = _scipy(task), with_scipy_lm(task)
    return Contender(lambda: run(LOOP), run(LOOP).njev, taken)


def _scipy(task: Task) -> Callable[[int], Any]:
    import numpy as np
    from scipy.optimize import least_squares

    net, p, X, Y, _ = task
    rows = max(Y.size, p.size)  # it needs as many residuals as parameters: what lacks is zero
    if rows > 2 * Y.size:
        raise NotImplementedError("needs as many residuals as parameters")
    forward, slope = net.ForwardWorkspace(len(X)), net.JacobianWorkspace(len(X))
    r, J = np.zeros(rows), np.zeros((rows, p.size))
    none = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15)

    def residual(q: Any) -> Any:
        np.subtract(forward.forward(q, X), Y, out=r[: Y.size].reshape(Y.shape))
        return r

    def jacobian(q: Any) -> Any:
        J[: Y.size] = slope.jacobian(q, X)
        return J

    def run(trials: int) -> Any:
        return least_squares(residual, p, jac=jacobian, method="lm", x_scale=1.0, max_nfev=1 + trials, **none)

    return run
