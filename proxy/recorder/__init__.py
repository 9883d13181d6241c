"""The shell around the pipeline: reads journals, feeds the pipeline, sends its batches, keeps checkpoints (DESIGN 5).

It decides nothing about content: everything it sends is a function of the journals.
"""
