"""From decoded pictures to encoded frames."""
