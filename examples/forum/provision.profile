# What is compiled into the bootloader that provisioning puts into a chip.
idf_version = v4.0.1
secure_boot = v1
flash_encryption = yes
mode = release
rollback = yes
