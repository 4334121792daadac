"""The real work: an equivalent-circuit cell, the protocols it is put through, and its fit.

Currents are in A and positive on discharge, voltages in V, capacities in A.h, energies in W.h,
times in s, the state of charge is a fraction from 0 to 1.
"""
