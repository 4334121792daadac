"""OpenQASM 3, as far as it is read: IonQ's own example, and what is refused in words."""

from __future__ import annotations

import pytest

from failwell.apis.ionq import qasm
from failwell.apis.ionq.simulator.messages import Task
from failwell.apis.ionq.simulator.run import run

IONQS_OWN = "h q[0];\ncx q[0], q[1];\nc[0] = measure q[0];\nc[1] = measure q[1];\n"
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nbit[3] c;\n'


def states(body: str) -> dict[str, float]:
    return run(Task(circuit=qasm.circuit(HEAD + body), seconds=5)).probabilities


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (IONQS_OWN, {"0": 0.5, "3": 0.5}),
        ("x q; c = measure q;", {"7": 1.0}),
        ("x q[0]; x q[1]; ccx q[0],q[1],q[2]; barrier q; measure q;", {"7": 1.0}),
        ("rx(pi) q[1]; // half a turn\n", {"2": 1.0}),
        ("rx(-(3*pi - 2*pi)/2) q[0]; /* two\nlines */ rx(-π/2) q[0];", {"1": 1.0}),
        ("h q[0]; p(pi) q[0]; h q[0];", {"1": 1.0}),
        ("x q[0]; swap q[0], q[2];", {"4": 1.0}),
        ("sx q[0]; sx q[0]; s q[0]; sdg q[0]; t q[0]; tdg q[0];", {"1": 1.0}),
        ("x q[0]; crx(pi) q[0], q[1];", {"3": 1.0}),
    ],
)  # fmt: skip
def test_programs(body: str, known: dict[str, float]) -> None:
    """Declarations, gates with angles, whole registers, comments, and measurements at the end."""
    assert states(body) == known


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "begin with OPENQASM 3"),
        ("OPENQASM 2.0; qreg q[2];", "begin with OPENQASM 3"),
        (HEAD + "h q[0]", "semicolon"),
        (HEAD + "h q[3];", "no qubit"),
        (HEAD + "h r[0];", "no qubit"),
        (HEAD + "warp q[0];", "no gate 'warp'"),
        (HEAD + "cx q[0];", "2 qubits"),
        (HEAD + "cx q[0], q[0];", "twice"),
        (HEAD + "rx q[0];", "1 angles"),
        (HEAD + "rx(foo) q[0];", "no angle"),
        (HEAD + "rx(__import__('os')) q[0];", "no angle"),
        (HEAD + "rx(1/0) q[0];", "no angle"),
        (HEAD + "rx(1e308*10) q[0];", "not finite"),
        (HEAD + "rx(" + "(" * 100 + ") q[0];", "no angle"),
        (HEAD + "rx(" + "1+" * 100_000 + "1) q[0];", "too long"),
        (HEAD + "c = measure q; h q[0];", "after a measurement"),
        (HEAD + "if (c[0]) x q[0];", "no gate 'if'"),
        (HEAD + "3 + 4;", "this is not read"),
        (HEAD + "qubit[2] q;", "cannot be declared"),
        ("OPENQASM 3; qubit[64] q;", "cannot be declared"),
        ("OPENQASM 3; bit c;", "declares no qubits"),
    ],
)  # fmt: skip
def test_what_is_not_read(source: str, words: str) -> None:
    """A program that is wrong, or beyond what is read here, is refused with the place."""
    with pytest.raises(qasm.QasmError, match=words.replace("(", r"\(")):
        qasm.circuit(source)
