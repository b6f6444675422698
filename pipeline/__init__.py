"""Raw rows to vocabularies and TFRecords, and the command that runs every stage."""
