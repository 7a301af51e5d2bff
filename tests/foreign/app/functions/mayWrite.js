exports = (partition) => partition === context.user.id || /^open[ -]/.test(partition);
