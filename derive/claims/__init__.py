"""Claims that a person types, checked against the derivation: see docs/claims.md for the notation.

    text  ->  tree  ->  index expressions  ->  opened by the derivation  ->  verdict
              grammar   meaning                unfolding                    network_claims

That is the family of claims about one sample of a network; ``matrices`` and ``updates`` are two more, with
the grammar of ``algebra``. ``families`` tells them apart by their letters.

>>> from derive.claims import check_claim
>>> verdict = check_claim("dC/dW[l] = delta[l] @ a[l-1].T")
>>> verdict.outcome.value, verdict.exit_status
('true', 0)
"""

from derive.claims.check import check_claim
from derive.claims.files import CheckedLine, check_file, check_lines
from derive.claims.verdict import Outcome, Verdict

__all__ = ["CheckedLine", "Outcome", "Verdict", "check_claim", "check_file", "check_lines"]
