"""Prints the descriptors that Pulumi's SDK for Python carries, as a serialized FileDescriptorSet."""

import importlib
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

files = FileDescriptorSet()
for path in sys.argv[1:]:
    module = importlib.import_module(f"pulumi.runtime.proto.{Path(path).stem}_pb2")
    module.DESCRIPTOR.CopyToProto(files.file.add())
sys.stdout.buffer.write(files.SerializeToString())
