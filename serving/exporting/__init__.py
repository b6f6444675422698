"""The export of a trained run to one file, which is compared with Keras before it is published."""
