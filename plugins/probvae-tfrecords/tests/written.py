"""TFRecord files, written by TensorFlow."""

import tensorflow as tf


def feature(array, kind="uint8"):
    if kind == "float_list":
        return tf.train.Feature(float_list=tf.train.FloatList(value=array.ravel().tolist()))
    if kind == "int64_list":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=array.ravel().tolist()))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[array.astype(kind).tobytes()]))


def record(array, kind="uint8", name="image"):
    features = tf.train.Features(feature={name: feature(array, kind)})
    return tf.train.Example(features=features).SerializeToString()


def write(path, records):
    """A file of records, which are arrays or bytes."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for content in records:
            writer.write(content if isinstance(content, bytes) else record(content))


def write_shards(folder, array, count, name="train"):
    """`count` files of about one length, NAME-0.tfrecord and so on, with the rows in their order."""
    size = -(-len(array) // count)
    for number in range(count):
        write(folder / f"{name}-{number}.tfrecord", array[number * size : (number + 1) * size])
