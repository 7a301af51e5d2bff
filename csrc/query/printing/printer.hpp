// Walks a tree and writes its text, for print.hpp: as the reference does, or exactly
// (query-language.md 19.1). Both forms are one walk that differs at leaves, so that what is right
// for one is right for the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/printing/literals.hpp"
#include "query/printing/print.hpp"

namespace realmsync::query {

class Printer {
  public:
    enum class Form : bool { reference, exact };
    explicit Printer(Form form) : exact_(form == Form::exact) {}

    void write(const Query& query);
    void write(const Predicate& predicate);
    void write(const Operand& operand);
    void write(const Path& path);

    std::string take_text() { return std::move(text_); }
    std::vector<Argument> take_arguments() { return std::move(arguments_); }

  private:
    // What a constant stands opposite to: it decides how a text is read (5.4), and how many digits
    // the reference writes.
    struct Opposite {
        Type type = kMixed;
        bool is_mixed_column = false; // with the constant on its right
        Meeting meeting = Meeting::generic;
    };
    static Opposite opposite(const Operand& operand, Meeting meeting = Meeting::generic);

    void write(const Truth& truth);
    void write(const Comparison& comparison);
    void write(const Membership& membership);
    void write(const Between& between);
    void write(const GeoWithin& geo);
    void write(const TextMatch& match);
    void write(const Not& negation);
    void write(const Group& group);
    void write_members(const Group& group);
    void write_member(const Group& group, const Predicate& member);
    bool is_of_in(const Group& group) const;
    void write_list_of(const Group& equalities);
    void write(const Clause& clause);

    void write(const Operand& operand, const Opposite& opposite);
    void write(const SubqueryCount& count);
    void write(const Arithmetic& arithmetic);
    void write(const ConstantList& list, const Opposite& opposite);
    void write(const Constant& constant, const Opposite& opposite, Digits digits);
    void write(const Constant& constant, const Opposite& opposite, bool is_mixed);
    void write(Quantifier quantifier);
    void write_quantifier_of(const Operand& operand);
    void write_null(const Opposite& opposite);

    void write_steps(const Path& path);
    void write_ending(const Path& path);
    void write(const Element& element);
    void write_key(const std::string& key);
    void write_sort_path(const Path& path);

    void write_argument(Argument argument, std::string_view prefix = "$");
    // Whether all names of a path are identifiers; else it is an argument, which may have any.
    static bool is_readable(const Path& path);

    std::string text_;
    bool exact_;
    // Chains are flat and reordered, but not within NOT and SUBQUERY (19.1).
    bool in_negation_ = false;
    std::vector<std::string> variables_; // of the subqueries around
    std::vector<Argument> arguments_;
};

} // namespace realmsync::query
