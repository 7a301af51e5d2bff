#include "query/sql/sql.hpp"

#include <span>

#include "query/sql/sql_column.hpp"
#include "query/sql/text_index.hpp"
#include "query/values/compare_values.hpp"

namespace realmsync::query {

namespace {

// SQLite takes 32,766 parameters; and where a statement is very long, making it costs more than
// asking the other evaluator does.
constexpr std::size_t kMaxParameters = 16'000;
constexpr std::size_t kMaxMembers = 500;

bool is_symmetric(Operator op) {
    return op == Operator::equal || op == Operator::not_equal || mirrored(op) != op;
}

class Writer {
  public:
    explicit Writer(const SqlOptions& options) : columns_(options) {}

    // The condition of a predicate that must hold: of a conjunction the parts that SQL has.
    SqlCondition condition(const PredicatePtr& predicate) {
        SqlCondition result;
        require(predicate, result, 0);
        if (result.text.empty())
            result.text = columns_.truth(true);
        result.parameters = columns_.parameters().take();
        return result;
    }

  private:
    void require(const PredicatePtr& predicate, SqlCondition& result, int depth) {
        const auto* group = std::get_if<Group>(&predicate->of);
        if (group != nullptr && group->conjunction && depth < kMaxDepth) {
            for (const PredicatePtr& member : group->members)
                require(member, result, depth + 1);
            return;
        }
        std::optional<SqlText> text;
        if (terms_++ < kMaxMembers)
            text = write(*predicate, depth);
        if (text)
            result.text += (result.text.empty() ? "" : " AND ") + text->text;
        if (!text || !text->is_exact)
            result.residual.push_back(predicate);
    }

    // Nothing when SQL cannot say it; then no parameter has been added either.
    std::optional<SqlText> write(const Predicate& predicate, int depth) {
        const std::size_t before = columns_.parameters().size();
        std::optional<SqlText> text;
        if (depth < kMaxDepth)
            text = std::visit([&](const auto& part) { return of(part, depth + 1); }, predicate.of);
        if (text && columns_.parameters().size() > kMaxParameters)
            text.reset();
        if (!text)
            columns_.parameters().take_back(before);
        return text;
    }

    std::optional<SqlText> of(const Truth& truth, int) {
        return SqlText{columns_.truth(truth.value), true};
    }

    std::optional<SqlText> of(const Comparison& comparison, int) {
        const auto* left = std::get_if<PathOperand>(&comparison.left.of);
        const auto* right = std::get_if<PathOperand>(&comparison.right.of);
        if (comparison.ignore_case || (left == nullptr && right == nullptr) ||
            comparison.left.quantifier != Quantifier::unsaid ||
            comparison.right.quantifier != Quantifier::unsaid)
            return std::nullopt;
        if (left != nullptr && right != nullptr)
            return compare(left->path, comparison.op, right->path, comparison.meeting);
        const bool is_mirrored = left == nullptr;
        const Operand& other = is_mirrored ? comparison.left : comparison.right;
        const auto* constant = std::get_if<Constant>(&other.of);
        if (constant == nullptr || constant->type_mask != 0 ||
            (is_mirrored && !is_symmetric(comparison.op)))
            return std::nullopt;
        const auto column = columns_.column(is_mirrored ? right->path : left->path);
        if (!column)
            return std::nullopt;
        return columns_.compare(*column, is_mirrored ? mirrored(comparison.op) : comparison.op,
                                constant->value, comparison.meeting);
    }

    std::optional<SqlText> compare(const Path& left, Operator op, const Path& right,
                                   Meeting meeting) {
        const auto a = columns_.column(left), b = columns_.column(right);
        if (!a || !b || meeting != Meeting::generic)
            return std::nullopt;
        return columns_.compare(*a, op, *b);
    }

    std::optional<SqlText> of(const Membership& membership, int) {
        const auto column = columns_.column(membership.path);
        if (!column || membership.items.size() > kMaxParameters)
            return std::nullopt;
        return columns_.is_one_of(*column, membership.items);
    }

    std::optional<SqlText> of(const Between& between, int) {
        const auto column = columns_.column(between.path);
        if (!column || between.low.value.is_null() || between.high.value.is_null())
            return std::nullopt;
        auto text =
            columns_.compare(*column, Operator::greater_equal, between.low.value, Meeting::generic);
        const auto upper =
            columns_.compare(*column, Operator::less_equal, between.high.value, Meeting::generic);
        if (!text || !upper)
            return std::nullopt;
        return SqlText{"(" + text->text + " AND " + upper->text + ")",
                       text->is_exact && upper->is_exact};
    }

    std::optional<SqlText> of(const GeoWithin&, int) { return std::nullopt; }

    // The full-text index, which bind() has asked for.
    std::optional<SqlText> of(const TextMatch& match, int) {
        const auto column = columns_.column(match.path);
        if (!column || !column->is_direct || !columns_.has_text_indexes())
            return std::nullopt;
        const model::Class& cls = *match.path.cls;
        const TextMatchExpression search = match_expression(match.search);
        const std::string placeholder =
            columns_.parameters().add(*column->property, model::Value(search.expression));
        return SqlText{std::string(kRow) + "." + sql_quote(cls.key_column) +
                           (search.is_complement ? " NOT IN (" : " IN (") +
                           text_index_select(cls, *column->property, placeholder) + ")",
                       true};
    }

    // NULL counts as false below, so that this is the complement.
    std::optional<SqlText> of(const Not& negation, int depth) {
        auto text = write(*negation.of, depth);
        if (!text || !text->is_exact)
            return std::nullopt;
        return SqlText{"(" + columns_.is_not_true(text->text) + ")", true};
    }

    std::optional<SqlText> of(const Group& group, int depth) {
        if (group.members.size() > kMaxMembers)
            return std::nullopt;
        std::vector<std::string> texts;
        bool is_exact = true;
        for (const PredicatePtr& member : group.members) {
            auto text = write(*member, depth);
            is_exact = is_exact && text && text->is_exact;
            if (text)
                texts.push_back(std::move(text->text));
            else if (!group.conjunction)
                return std::nullopt;
        }
        if (texts.empty())
            return std::nullopt;
        return SqlText{joined(texts, group.conjunction ? " AND " : " OR "), is_exact};
    }

    // As a balanced tree: the database bounds the depth of expressions, and a chain is as deep as
    // it is long.
    static std::string joined(std::span<const std::string> texts, const char* word) {
        if (texts.size() == 1)
            return texts.front();
        const std::size_t half = texts.size() / 2;
        return "(" + joined(texts.first(half), word) + word + joined(texts.subspan(half), word) +
               ")";
    }

    static constexpr int kMaxDepth = 100; // of groups and negations; deeper is left to the other

    SqlColumns columns_;
    std::size_t terms_ = 0; // joined by AND at the top
};

} // namespace

SqlCondition to_sql(const PredicatePtr& predicate, const SqlOptions& options) {
    return Writer(options).condition(predicate);
}

std::optional<std::string> order_by(const Sort& sort, const SqlOptions& options) {
    SqlColumns columns(options);
    std::string text;
    for (const SortKey& key : sort.keys) {
        const auto column = columns.column(key.path);
        const auto order = column ? columns.order(*column, key.ascending) : std::nullopt;
        if (!order)
            return std::nullopt;
        text += (text.empty() ? "" : ", ") + *order;
    }
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

} // namespace realmsync::query
