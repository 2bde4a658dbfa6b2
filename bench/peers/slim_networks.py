"""ResNet-50-v2 and Inception-v4 of tf-slim, written once over what a library brings, as packages/models has them: batch
norms behind a convolution folded into it, those of ResNet-v2 that stand before one as they are.

Operations: conv(x, out, (h, w), stride, padding, relu), norm_relu(x), max_pool(x, size, stride, padding),
average_pool(x), add, concat, head(x, classes); padding is "same", "valid" or "fixed" ((k - 1) / 2 on both sides).
"""


def resnet_v2_50(ops, x):
    x = ops.conv(x, 64, (7, 7), 2, "fixed", relu=False)
    x = ops.max_pool(x, 3, 2, "same")
    for block, (width, units) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for unit in range(units):
            stride = 2 if unit == units - 1 and block < 3 else 1
            before = ops.norm_relu(x)
            if unit == 0:
                shortcut = ops.conv(before, 4 * width, (1, 1), stride, "same", relu=False)
            else:
                shortcut = x if stride == 1 else ops.max_pool(x, 1, stride, "valid")
            y = ops.conv(before, width, (1, 1))
            y = ops.conv(y, width, (3, 3), stride, "fixed")
            x = ops.add(shortcut, ops.conv(y, 4 * width, (1, 1), relu=False))
    return ops.head(ops.norm_relu(x), 1001)


def inception_v4(ops, x):
    conv, concat = ops.conv, ops.concat

    def chain(x, *layers):
        for out, kernel in layers:
            x = conv(x, out, kernel)
        return x

    def halved(x):
        return ops.max_pool(x, 3, 2, "valid")

    x = conv(x, 32, (3, 3), 2, "valid")
    x = conv(x, 32, (3, 3), 1, "valid")
    x = conv(x, 64, (3, 3))
    x = concat([halved(x), conv(x, 96, (3, 3), 2, "valid")])
    x = concat([
        conv(chain(x, (64, (1, 1))), 96, (3, 3), 1, "valid"),
        conv(chain(x, (64, (1, 1)), (64, (1, 7)), (64, (7, 1))), 96, (3, 3), 1, "valid"),
    ])
    x = concat([conv(x, 192, (3, 3), 2, "valid"), halved(x)])
    for _ in range(4):
        x = concat([
            chain(x, (96, (1, 1))),
            chain(x, (64, (1, 1)), (96, (3, 3))),
            chain(x, (64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
            chain(ops.average_pool(x), (96, (1, 1))),
        ])
    x = concat([
        conv(x, 384, (3, 3), 2, "valid"),
        conv(chain(x, (192, (1, 1)), (224, (3, 3))), 256, (3, 3), 2, "valid"),
        halved(x),
    ])
    for _ in range(7):
        x = concat([
            chain(x, (384, (1, 1))),
            chain(x, (192, (1, 1)), (224, (1, 7)), (256, (7, 1))),
            chain(x, (192, (1, 1)), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
            chain(ops.average_pool(x), (128, (1, 1))),
        ])
    x = concat([
        conv(chain(x, (192, (1, 1))), 192, (3, 3), 2, "valid"),
        conv(chain(x, (256, (1, 1)), (256, (1, 7)), (320, (7, 1))), 320, (3, 3), 2, "valid"),
        halved(x),
    ])
    for _ in range(3):
        second = chain(x, (384, (1, 1)))
        third = chain(x, (384, (1, 1)), (448, (3, 1)), (512, (1, 3)))
        x = concat([
            chain(x, (256, (1, 1))),
            conv(second, 256, (1, 3)),
            conv(second, 256, (3, 1)),
            conv(third, 256, (1, 3)),
            conv(third, 256, (3, 1)),
            chain(ops.average_pool(x), (256, (1, 1))),
        ])
    return ops.head(x, 1001)


NETWORKS = {"resnet_v2_50": resnet_v2_50, "inception_v4": inception_v4}
