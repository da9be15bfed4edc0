# The bootloader of repaired.plan.
idf_version = v4.0.1
secure_boot = v1
flash_encryption = yes
