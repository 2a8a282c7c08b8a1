"""The ezkl back end: halo2 with KZG commitments over BN254, verifiable by contracts."""
