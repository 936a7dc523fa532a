"""SysReptor: a panel for pentest reports whose backups are a stream that nobody keeps, checks or schedules."""
