exports = ({ member, word }) => {
  if (word !== `word of ${member}`) throw new Error("nobody knows you");
  return `member ${member}`;
};
