#include "query/evaluation/operand_values.hpp"

#include <utility>

#include "query/evaluation/condition.hpp"
#include "query/values/arithmetic.hpp"

namespace realmsync::query {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

ValueView view_of(const Constant& constant) {
    // @type's names meet the types of values by their bits.
    if (constant.type_mask != 0)
        return ValueView(static_cast<std::int64_t>(constant.type_mask));
    return ValueView(constant.value);
}

} // namespace

// An operand that is no arithmetic.
class OperandValues::Leaf {
  public:
    Leaf(const Operand& operand, const model::Schema& schema, Repeats repeats) {
        if (const auto* constant = std::get_if<Constant>(&operand.of)) {
            constants_.add(view_of(*constant));
            constants_.end_group();
        } else if (const auto* list = std::get_if<ConstantList>(&operand.of)) {
            for (const Constant& item : list->items)
                constants_.add(view_of(item));
            constants_.end_group();
        } else if (const auto* path_operand = std::get_if<PathOperand>(&operand.of)) {
            path_ = std::make_unique<const PathValues>(path_operand->path, schema, repeats);
        } else {
            const auto& subquery = std::get<SubqueryCount>(operand.of);
            members_ = std::make_unique<const Route>(subquery.path, subquery.path.hops.size());
            condition_ = prepare(*subquery.predicate, schema);
        }
    }

    const Values* constants() const { return path_ || members_ ? nullptr : &constants_; }
    const PathValues* path() const { return path_.get(); }

    bool single(const Image& object, Run& run, ValueView& out) const {
        if (path_)
            return path_->single(object, run, out);
        if (members_) {
            out = ValueView(count(object, run));
            return true;
        }
        if (constants_.is_empty())
            return false;
        out = constants_.group(0).front();
        return true;
    }

    const Values& gather(const Image& object, Run& run, Values& storage) const {
        if (const Values* known = constants())
            return *known;
        if (path_) {
            path_->gather(object, run, storage);
        } else {
            storage.add(ValueView(count(object, run)));
            storage.end_group();
        }
        return storage;
    }

  private:
    std::int64_t count(const Image& object, Run& run) const {
        std::int64_t count = 0;
        members_->each_once(object, run, [&](const Image& member, std::int64_t times) {
            if (run.ask(condition_, member))
                count = sum_within_range(count, times);
            return true;
        });
        return count;
    }

    Values constants_;
    std::unique_ptr<const PathValues> path_;
    std::unique_ptr<const Route> members_; // of a subquery
    std::shared_ptr<const Condition> condition_;
};

OperandValues::OperandValues(const Operand& operand, const model::Schema& schema, Repeats repeats)
    : operand_(&operand), multiple_leaf_(kNone) {
    compile(operand, schema, repeats);
    if (steps_.size() == 1) {
        if (const Values* constants = leaves_.front()->constants()) {
            is_constant_ = true;
            constants_ = *constants;
        }
    }
}
OperandValues::~OperandValues() = default;
OperandValues::OperandValues(OperandValues&&) noexcept = default;

void OperandValues::compile(const Operand& operand, const model::Schema& schema, Repeats repeats) {
    std::vector<std::pair<const Operand*, char>> open = {{&operand, 0}}; // or an operation to emit
    while (!open.empty()) {
        const auto [next, op] = open.back();
        open.pop_back();
        if (op != 0) {
            steps_.push_back({op, 0});
        } else if (const auto* arithmetic = std::get_if<Arithmetic>(&next->of)) {
            open.push_back({nullptr, arithmetic->op});
            open.push_back({arithmetic->right.get(), 0});
            open.push_back({arithmetic->left.get(), 0});
        } else {
            if (next->is_multiple)
                multiple_leaf_ = leaves_.size();
            steps_.push_back({0, leaves_.size()});
            leaves_.push_back(std::make_unique<const Leaf>(*next, schema, repeats));
        }
    }
}

const PathValues* OperandValues::path() const {
    return steps_.size() == 1 ? leaves_.front()->path() : nullptr;
}

ValueView OperandValues::compute(std::vector<ValueView>& leaves,
                                 std::vector<ValueView>& stack) const {
    stack.clear();
    for (const Step& step : steps_) {
        if (step.op == 0) {
            stack.push_back(leaves[step.leaf]);
            continue;
        }
        const ValueView right = stack.back();
        stack.pop_back();
        stack.back() = calculate(step.op, stack.back(), right);
    }
    return stack.back();
}

bool OperandValues::single(const Image& object, Run& run, ValueView& out) const {
    if (steps_.size() == 1)
        return leaves_.front()->single(object, run, out);
    if (steps_.size() == 3) { // the usual a + b
        ValueView left, right;
        if (!leaves_[0]->single(object, run, left) || !leaves_[1]->single(object, run, right))
            return false;
        out = calculate(steps_[2].op, left, right);
        return true;
    }
    std::vector<ValueView> leaves(leaves_.size()), stack;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (!leaves_[i]->single(object, run, leaves[i]))
            return false;
    }
    run.spend(leaves.size());
    out = compute(leaves, stack);
    return true;
}

const Values& OperandValues::gather(const Image& object, Run& run, Values& storage) const {
    if (is_constant_)
        return constants_;
    if (steps_.size() == 1)
        return leaves_.front()->gather(object, run, storage);
    if (multiple_leaf_ == kNone) {
        ValueView value;
        if (single(object, run, value))
            storage.add(value);
        storage.end_group();
        return storage;
    }
    std::vector<ValueView> leaves(leaves_.size()), stack;
    bool is_complete = true;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (i != multiple_leaf_ && !leaves_[i]->single(object, run, leaves[i]))
            is_complete = false;
    }
    Values of_leaf;
    const Values& many = leaves_[multiple_leaf_]->gather(object, run, of_leaf);
    for (std::size_t i = 0; i < many.group_count(); ++i) {
        run.spend(many.group(i).size() * leaves.size());
        for (const ValueView& value : many.group(i)) {
            leaves[multiple_leaf_] = value;
            if (is_complete)
                storage.add(compute(leaves, stack));
        }
        storage.end_group();
    }
    return storage;
}

} // namespace realmsync::query
