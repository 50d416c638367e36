"""What can keep the setup from ending well."""


class SetupError(Exception):
    """The cluster is not as the services need it; the message is a sentence for the operator."""
