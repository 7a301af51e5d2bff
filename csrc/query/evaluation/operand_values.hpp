// The values of an operand of a comparison, made ready to be computed for many objects: constants,
// paths, counts of subqueries, and arithmetic over them (query-language.md sections 12, 14 and 17).
#pragma once

#include <memory>
#include <vector>

#include "query/evaluation/path_values.hpp"
#include "query/evaluation/run.hpp"
#include "query/evaluation/values.hpp"
#include "query/tree/tree.hpp"

namespace realmsync::query {

class Condition;

class OperandValues {
  public:
    // The operand and the schema have to live as long.
    OperandValues(const Operand& operand, const model::Schema& schema, Repeats repeats);
    ~OperandValues();
    OperandValues(OperandValues&&) noexcept;

    const Operand& operand() const { return *operand_; }
    bool is_constant() const { return is_constant_; } // or a list of constants
    // Of a constant.
    const Values& constants() const { return constants_; }
    // Null unless it is a path alone.
    const PathValues* path() const;

    // All values, in groups. Those of a constant are not copied: the result is constants() or
    // `storage`.
    const Values& gather(const Image& object, Run& run, Values& storage) const;
    // Of an operand with one value at most: whether there is one. Allocates nothing but for long
    // arithmetic.
    bool single(const Image& object, Run& run, ValueView& out) const;

  private:
    // Arithmetic as a program for a stack: values are pushed, an operation takes two and pushes
    // one. Chains of operations are as long as the text likes, so nothing recurses over them.
    struct Step {
        char op = 0;          // or 0: push leaf number `leaf`
        std::size_t leaf = 0; // in leaves_
    };
    class Leaf;
    void compile(const Operand& operand, const model::Schema& schema, Repeats repeats);
    ValueView compute(std::vector<ValueView>& leaves, std::vector<ValueView>& stack) const;

    const Operand* operand_;
    bool is_constant_ = false;
    Values constants_;
    std::vector<std::unique_ptr<const Leaf>> leaves_;
    std::vector<Step> steps_; // of one step, unless there is arithmetic
    std::size_t multiple_leaf_;
};

} // namespace realmsync::query
