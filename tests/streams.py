"""Examples that are streamed, as a plugin would: in pages, encoded, some of them damaged."""

import tensorflow as tf

from probvae.core import StreamedArray
from probvae.errors import DataError

PAGE = 6


class Pages(StreamedArray):
    """An array whose epoch has the pages in a random order, and each example as text, damaged where asked."""

    def __init__(self, array, damaged=None):
        self.array, self.damaged = array, damaged

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def __getitem__(self, which):
        return self.array[which]

    def epoch(self, seed):
        starts = tf.range(0, len(self), PAGE, tf.int64)
        texts = tf.constant([row.tobytes() for row in self.array])
        if self.damaged is not None:
            texts = tf.tensor_scatter_nd_update(texts, [[self.damaged]], [b"damaged"])

        def page(start):
            numbers = start + tf.range(tf.minimum(len(self) - start, PAGE))
            return tf.data.Dataset.from_tensor_slices((numbers, tf.gather(texts, numbers)))

        order = tf.random.experimental.stateless_shuffle(starts, seed)
        return tf.data.Dataset.from_tensor_slices(order).flat_map(page)

    def decode(self, content, indices):
        size = self.array[0].nbytes
        with tf.control_dependencies([tf.debugging.assert_equal(tf.strings.length(content), size, "bad page")]):
            rows = tf.io.decode_raw(content, self.dtype, fixed_length=size)
        return tf.reshape(rows, (-1, *self.shape[1:]))

    def place(self, index):
        return f"page {index // PAGE} row {index % PAGE}"

    def fault(self, error):
        return DataError(f"{self.place(self.damaged)} is damaged.") if "bad page" in str(error) else None
