//! The REST front: routing, negotiation, streaming and authentication. Decides nothing about objects.
