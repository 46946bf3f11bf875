"""What tests share: a fake engine, certificates, real command lines, and the stateful and crash tests."""
