"""The tables: numbered SQL files, and what brings a store up to them."""
