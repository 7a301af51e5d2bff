exports = (partition) =>
  partition === context.user.id || /^(open|news)[ -]/.test(partition) || context.user.custom_data.rank === "smith";
