"""What each rule says and asks for, once more: a step must not state its rule otherwise."""

STATED = {
    "definition": (
        "a quantity equals the right-hand side that defines it",
        "none",
    ),
    "chain rule": (
        "df/dv = sum_k df/du_k du_k/dv; for a function of one u, d sigma(u)/dv = sigma'(u) du/dv",
        "f depends on v only through the u_k, and both maps are differentiable; where some u_k feed others, "
        "du_k/dv holds the others",
    ),
    "linearity": (
        "d(f + g)/dv = df/dv + dg/dv; likewise for sums",
        "none",
    ),
    "constant factor": (
        "d(c f)/dv = c df/dv; likewise for sums, so -(u - v) = v - u",
        "c is free of v",
    ),
    "product rule": (
        "d(f g)/dv = df/dv g + f dg/dv",
        "none",
    ),
    "power rule": (
        "d(f^m)/dv = m f^(m-1) df/dv",
        "m is a number; f is not 0 where m < 1",
    ),
    "exchange of derivative and sum": (
        "d/dv sum_k f_k = sum_k df_k/dv",
        "finite sum",
    ),
    "independence": (
        "df/dv = 0",
        "f does not depend on v",
    ),
    "independent coordinates": (
        "dv_m/dv_j = delta_mj",
        "none",
    ),
    "Kronecker collapse": (
        "sum_m delta_mj f_m = f_j",
        "j runs over the same range as m",
    ),
    "distributive law": (
        "u (v + w) = u v + u w, in both directions, sums exchanged and bound indices renamed",
        "finite sums; denominators are not 0",
    ),
    "premise": (
        "what the theorem assumes",
        "the premise that is named",
    ),
}
