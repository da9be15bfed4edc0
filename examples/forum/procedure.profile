# The bootloader of procedure.plan: secure boot V1, flash encryption not enabled.
idf_version = v4.0.1
secure_boot = v1
flash_encryption = no
