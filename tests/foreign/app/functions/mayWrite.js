exports = (partition) => partition === context.user.id || partition.startsWith("open ");
